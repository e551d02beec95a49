"""Django behind a proxy: it trusts X-Forwarded-Host and -Proto."""

import common
import django
from django.conf import settings

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="test", USE_X_FORWARDED_HOST=True,
                   SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"), DATA_UPLOAD_MAX_MEMORY_SIZE=None,
                   MIDDLEWARE=["django.middleware.gzip.GZipMiddleware", "django.middleware.http.ConditionalGetMiddleware",
                               "django.middleware.common.CommonMiddleware"])
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse  # noqa: E402
from django.urls import path, reverse  # noqa: E402


def echo(request, rest=""):
    length, digest = common.digest(request)
    return JsonResponse({
        "method": request.method, "path": request.path_info, "query": request.META.get("QUERY_STRING", ""),
        "script": request.META.get("SCRIPT_NAME", ""), "length": length, "sha256": digest,
        "fields": {name.lower(): value for name, value in request.headers.items()},
        "url": request.build_absolute_uri(reverse("echo")), "client": request.headers["X-Forwarded-For"]})


def moved(request):
    return HttpResponseRedirect(request.build_absolute_uri(reverse("echo")))


def moved_by_path(_request):
    return HttpResponseRedirect(reverse("echo"))


def number(request, name):
    return int(request.GET[name])


def some(request):
    return HttpResponse(common.pattern(number(request, "n")), content_type="application/octet-stream")


def chunks(request):
    return StreamingHttpResponse(common.pieces(number(request, "n")), content_type="application/octet-stream")


def status(request):
    return HttpResponse(status=number(request, "code"))


def cookies(_request):
    response = HttpResponse()
    for name, value in common.COOKIES:
        response.set_cookie(name, value, expires="Thu, 01 Jan 2032 00:00:00 GMT")
    return response


def early(_request):
    return HttpResponse("too much", status=413)


def long(request):
    return HttpResponse(headers={"X-Long": "v" * number(request, "n")})


def gzipped(_request):
    return HttpResponse(common.pattern(100_000))


def events(request):
    return StreamingHttpResponse(common.events(request.GET["gate"]), content_type="text/event-stream",
                                 headers={"Content-Encoding": "identity"})


def endless(request):
    return StreamingHttpResponse(common.endless(request.GET["gate"]))


def slow(request):
    common.note("began-" + request.GET["gate"])
    common.wait(request.GET["gate"])
    return HttpResponse("done")


urlpatterns = [
    path("echo", echo, name="echo"), path("echo/<path:rest>", echo), path("redirect", moved), path("relative", moved_by_path),
    path("bytes", some), path("chunks", chunks), path("status", status), path("cookies", cookies), path("early", early),
    path("long", long), path("gzip", gzipped), path("events", events), path("endless", endless), path("slow", slow),
]
app = get_wsgi_application()
