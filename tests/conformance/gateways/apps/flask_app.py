"""Flask behind a proxy, as its documentation sets it up: ProxyFix trusts one hop."""

import io

import common
from flask import Flask, Response, redirect, request, url_for
from werkzeug.middleware.proxy_fix import ProxyFix

app = Flask(__name__)
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1)
METHODS = ["GET", "POST", "PUT", "DELETE"]


@app.route("/echo", methods=METHODS, defaults={"rest": ""})
@app.route("/echo/<path:rest>", methods=METHODS)
def echo(rest):
    length, digest = common.digest(request.stream)
    return {"method": request.method, "path": request.path, "query": request.query_string.decode(), "script": request.root_path,
            "length": length, "sha256": digest, "fields": {name.lower(): value for name, value in request.headers.items()},
            "url": url_for("echo", _external=True), "client": request.remote_addr}


@app.route("/redirect")
def moved():
    return redirect(url_for("echo", _external=True))


@app.route("/relative")
def moved_by_path():
    return redirect(url_for("echo"))


@app.route("/bytes")
def some():
    return Response(common.pattern(request.args.get("n", type=int)), mimetype="text/plain")


@app.route("/chunks")
def chunks():
    return Response(common.pieces(request.args.get("n", type=int)), mimetype="text/plain")


@app.route("/status")
def status():
    return Response(status=request.args.get("code", type=int))


@app.route("/cookies")
def cookies():
    response = Response()
    for name, value in common.COOKIES:
        response.set_cookie(name, value, expires=1956528000)
    return response


@app.route("/early", methods=METHODS)
def early():
    return Response("too much", status=413)


@app.route("/long")
def long():
    return Response(headers={"X-Long": "v" * request.args.get("n", type=int)})


@app.route("/part")
def part():
    response = Response(common.pattern(1000), headers={"ETag": '"v1"'})
    return response.make_conditional(request, accept_ranges=True, complete_length=1000)


@app.route("/file")
def file():
    from flask import send_file

    return send_file(io.BytesIO(common.pattern(1000)), mimetype="text/plain")


@app.route("/events")
def events():
    return Response(common.events(request.args["gate"]), mimetype="text/event-stream")


@app.route("/endless")
def endless():
    return Response(common.endless(request.args["gate"]))


@app.route("/slow")
def slow():
    common.note("began-" + request.args["gate"])
    common.wait(request.args["gate"])
    return "done"
