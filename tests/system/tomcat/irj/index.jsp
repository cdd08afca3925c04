<%-- /irj/ is sent to /irj/portal, by the address this server knows. --%>
<%@ page session="false" %><%
response.setStatus(302);
response.setHeader("Location",
    "http://127.0.0.1:" + request.getLocalPort() + "/irj/portal");
%>
