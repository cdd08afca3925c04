import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.concurrent.CompletableFuture;

/**
 * Java's own HTTP client: java Client.java BASE POST-PATH FILE-PATH.  Tries
 * h2c on the first request, as it always does on http.
 */
public class Client {
    static HttpClient client = HttpClient.newHttpClient();
    static String base;

    static String sha256(byte[] b) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(b));
    }

    static HttpRequest.Builder to(String path) {
        return HttpRequest.newBuilder(URI.create(base + path));
    }

    static void say(String what, HttpResponse<byte[]> r) throws Exception {
        System.out.println(what + " " + r.version() + " " + r.statusCode() + " "
            + r.body().length + " " + sha256(r.body()));
    }

    static HttpResponse<byte[]> send(HttpRequest r) throws Exception {
        return client.send(r, HttpResponse.BodyHandlers.ofByteArray());
    }

    public static void main(String[] args) throws Exception {
        base = args[0];
        byte[] body = new byte[300_000];
        for (int i = 0; i < body.length; i++) body[i] = (byte) (i * 31);
        say("get", send(to(args[2]).build()));
        say("post", send(to(args[1]).POST(HttpRequest.BodyPublishers.ofByteArray(body)).build()));
        say("chunked", send(to(args[1]).POST(HttpRequest.BodyPublishers.ofInputStream(
            () -> new java.io.ByteArrayInputStream(body))).build()));
        say("expect", send(to(args[1]).expectContinue(true)
            .POST(HttpRequest.BodyPublishers.ofByteArray(body)).build()));
        say("head", send(to(args[2]).method("HEAD", HttpRequest.BodyPublishers.noBody()).build()));
        var many = new ArrayList<CompletableFuture<HttpResponse<byte[]>>>();
        for (int i = 0; i < 30; i++)
            many.add(client.sendAsync(to(args[2]).build(), HttpResponse.BodyHandlers.ofByteArray()));
        for (var one : many) say("async", one.join());
    }
}
