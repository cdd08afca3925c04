<%-- What the servlet API says about the request, one "name=value" a line,
     then its headers as "header.name=value". --%>
<%@ page contentType="text/plain; charset=UTF-8" session="false"
    trimDirectiveWhitespaces="true" import="java.security.cert.X509Certificate,
    java.util.Collections" %><%
out.print("scheme=" + request.getScheme() + "\n");
out.print("secure=" + request.isSecure() + "\n");
out.print("serverName=" + request.getServerName() + "\n");
out.print("serverPort=" + request.getServerPort() + "\n");
out.print("remoteAddr=" + request.getRemoteAddr() + "\n");
out.print("method=" + request.getMethod() + "\n");
out.print("requestURI=" + request.getRequestURI() + "\n");
out.print("queryString=" + request.getQueryString() + "\n");
for (String n : new String[] { "cipher_suite", "key_size", "ssl_session_id" })
	out.print(n + "=" + request.getAttribute("jakarta.servlet.request." + n)
	    + "\n");
X509Certificate[] certs = (X509Certificate[]) request.getAttribute(
    "jakarta.servlet.request.X509Certificate");
if (certs != null) {
	out.print("certs=" + certs.length + "\n");
	out.print("cert.subject=" + certs[0].getSubjectX500Principal() + "\n");
	out.print("cert.serial=" + certs[0].getSerialNumber().toString(16)
	    + "\n");
}
for (String n : Collections.list(request.getHeaderNames()))
	for (String v : Collections.list(request.getHeaders(n)))
		out.print("header." + n.toLowerCase() + "=" + v + "\n");
%>
