import jakarta.servlet.annotation.WebServlet;
import jakarta.servlet.http.Cookie;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.websocket.OnMessage;
import jakarta.websocket.OnOpen;
import jakarta.websocket.Session;
import jakarta.websocket.server.ServerEndpoint;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.Collections;
import java.util.HexFormat;
import java.util.StringJoiner;

/** A servlet: what Tomcat runs. */
@WebServlet(urlPatterns = {"/*"})
public class App extends HttpServlet {
    private static final int PIECE = 50_000;

    private static byte[] pattern(int length) {
        byte[] bytes = new byte[length];
        for (int at = 0; at < length; at++) bytes[at] = (byte) (at % 251);
        return bytes;
    }

    private static File gate(String name) {
        return new File(System.getenv("GATES"), name);
    }

    private static void await(String name) throws IOException {
        try {
            while (!gate(name).exists()) Thread.sleep(5);
        } catch (InterruptedException error) {
            throw new IOException(error);
        }
    }

    private static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
        String path = request.getPathInfo() == null ? request.getServletPath() : request.getPathInfo();
        String n = request.getParameter("n") == null ? "0" : request.getParameter("n");
        switch (path.startsWith("/echo/") ? "/echo" : path) {
            case "/echo" -> echo(request, response, path);
            case "/bytes" -> {
                response.setContentLength(Integer.parseInt(n));
                response.getOutputStream().write(pattern(Integer.parseInt(n)));
            }
            case "/chunks" -> {
                byte[] content = pattern(Integer.parseInt(n));
                for (int at = 0; at < content.length; at += PIECE) {
                    response.getOutputStream().write(content, at, Math.min(PIECE, content.length - at));
                    response.flushBuffer();
                }
            }
            case "/status" -> response.setStatus(Integer.parseInt(request.getParameter("code")));
            case "/cookies" -> {
                for (String name : new String[] {"a", "b", "c"}) {
                    Cookie cookie = new Cookie(name, String.valueOf(name.charAt(0) - 'a' + 1));
                    cookie.setMaxAge(86_400);
                    response.addCookie(cookie);
                }
            }
            case "/early" -> {
                response.setStatus(413);
                response.getWriter().write("too much");
            }
            case "/long" -> response.setHeader("X-Long", "v".repeat(Integer.parseInt(n)));
            case "/redirect" -> response.setHeader("Location", url(request));
            case "/relative" -> response.sendRedirect("/echo");
            case "/gzip" -> {
                response.setContentType("text/plain");
                response.getOutputStream().write(pattern(100_000));
            }
            case "/events" -> {
                response.setContentType("text/event-stream");
                response.getWriter().write("data: first\n\n");
                response.flushBuffer();
                await(request.getParameter("gate"));
                response.getWriter().write("data: second\n\n");
            }
            case "/endless" -> {
                try {
                    while (true) {
                        response.getOutputStream().write(pattern(PIECE));
                        response.flushBuffer();
                    }
                } catch (IOException left) {
                    gate(request.getParameter("gate")).createNewFile();
                }
            }
            case "/slow" -> {
                gate("began-" + request.getParameter("gate")).createNewFile();
                await(request.getParameter("gate"));
                response.getWriter().write("done");
            }
            default -> response.setStatus(404);
        }
        if (path.equals("/redirect")) response.setStatus(302);
    }

    private static String url(HttpServletRequest request) {
        StringBuffer whole = request.getRequestURL();
        return whole.substring(0, whole.indexOf("/", "https://".length())) + "/echo";
    }

    private void echo(HttpServletRequest request, HttpServletResponse response, String path) throws IOException {
        long length = 0;
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (java.security.NoSuchAlgorithmException error) {
            throw new IOException(error);
        }
        byte[] buffer = new byte[1 << 16];
        for (int read; (read = request.getInputStream().read(buffer)) >= 0; length += read) digest.update(buffer, 0, read);
        StringJoiner fields = new StringJoiner(",", "{", "}");
        for (String name : Collections.list(request.getHeaderNames())) {
            String values = String.join(", ", Collections.list(request.getHeaders(name)));
            fields.add(quoted(name.toLowerCase()) + ":" + quoted(values));
        }
        String query = request.getQueryString() == null ? "" : request.getQueryString();
        String sum = HexFormat.of().formatHex(digest.digest());
        response.setContentType("application/json");
        response.setCharacterEncoding("UTF-8");
        response.getWriter().write("{\"method\":" + quoted(request.getMethod()) + ",\"path\":" + quoted(path)
            + ",\"query\":" + quoted(query) + ",\"script\":\"\",\"length\":" + length + ",\"sha256\":" + quoted(sum)
            + ",\"url\":" + quoted(url(request)) + ",\"client\":" + quoted(request.getRemoteAddr())
            + ",\"fields\":" + fields + "}");
    }

    /** Sends each message back. */
    @ServerEndpoint("/ws")
    public static class Socket {
        @OnOpen
        public void open(Session session) {
            session.setMaxTextMessageBufferSize(1 << 24);
            session.setMaxBinaryMessageBufferSize(1 << 24);
        }

        @OnMessage
        public String text(String message) {
            return message;
        }

        @OnMessage
        public ByteBuffer bytes(ByteBuffer message) {
            return message;
        }
    }
}
