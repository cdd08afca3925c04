<%-- The portal page: needs the cookie that /logon gives, counts visits. --%>
<%@ page contentType="text/html; charset=UTF-8" session="false"
    import="java.security.cert.X509Certificate,java.util.Collections" %>
<%!
static String cookie(jakarta.servlet.http.HttpServletRequest r, String name) {
	if (r.getCookies() != null)
		for (jakarta.servlet.http.Cookie c : r.getCookies())
			if (c.getName().equals(name))
				return c.getValue();
	return null;
}

static String escape(String s) {
	return s.replace("&", "&amp;").replace("<", "&lt;");
}
%><%
String user = cookie(request, "MYSAPSSO2");
if (user == null) {
	response.setStatus(302);
	response.setHeader("Location", "http://127.0.0.1:" +
	    request.getLocalPort() + "/logon/logon.jsp");
	return;
}
jakarta.servlet.http.HttpSession s = request.getSession();
Integer visits = (Integer)s.getAttribute("visits");
visits = visits == null ? 1 : visits + 1;
s.setAttribute("visits", visits);
X509Certificate[] chain = (X509Certificate[])
    request.getAttribute("jakarta.servlet.request.X509Certificate");
%><!DOCTYPE html>
<html>
<head>
<title>Portal</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="<%= request.getScheme() %>://<%=
    request.getHeader("Host") %>/irj/resource/1.css">
<script src="/irj/resource/2.js"></script>
</head>
<body>
<h1>Welcome <span id="user"><%= escape(user) %></span></h1>
<p>Visit <span id="visits"><%= visits %></span>,
certificate <span id="certificate"><%= chain == null ? "none" :
    escape(chain[0].getSubjectX500Principal().getName()) %></span></p>
<img src="<%= request.getContextPath() %>/resource/3.svg" alt="">
<table id="headers">
<% for (String n : Collections.list(request.getHeaderNames())) {
	for (String v : Collections.list(request.getHeaders(n))) { %>
<tr><th><%= escape(n) %></th><td><%= escape(v) %></td></tr>
<% }} %>
</table>
</body>
</html>
