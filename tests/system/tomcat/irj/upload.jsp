<%-- Size and SHA-256 of the request's body, read as a stream. --%>
<%@ page contentType="text/plain; charset=UTF-8" session="false"
    trimDirectiveWhitespaces="true" import="java.security.MessageDigest" %><%
MessageDigest digest = MessageDigest.getInstance("SHA-256");
byte[] block = new byte[65536];
long size = 0;
java.io.InputStream body = request.getInputStream();
for (int n; (n = body.read(block)) > 0; size += n)
	digest.update(block, 0, n);
out.print(size + " ");
for (byte b : digest.digest())
	out.print(String.format("%02x", b));
%>
