<%-- The form, and what its POST does: a cookie for the whole server, for
     the name this server has inside, and a redirect to the portal there. --%>
<%@ page contentType="text/html; charset=UTF-8" session="false" %><%
boolean failed = false;
if (request.getMethod().equals("POST")) {
	String user = request.getParameter("j_user");
	if ("portal".equals(request.getParameter("j_password"))) {
		response.addHeader("Set-Cookie", "MYSAPSSO2=" + user +
		    "; Path=/; Domain=127.0.0.1; HttpOnly");
		response.addHeader("Set-Cookie", "saplb_*=(J2EE6500)6500; Path=/");
		response.setStatus(302);
		response.setHeader("Location", "http://127.0.0.1:" +
		    request.getLocalPort() + "/irj/portal");
		return;
	}
	failed = true;
	response.setStatus(401);
}
%><!DOCTYPE html>
<html>
<head><title>Logon</title><link rel="icon" href="data:,"></head>
<body>
<h1>Logon</h1>
<% if (failed) { %><p id="failed">User or password is wrong.</p><% } %>
<form method="post" action="/logon/logon.jsp">
<input name="j_user"> <input name="j_password" type="password">
<button type="submit">Log on</button>
</form>
</body>
</html>
