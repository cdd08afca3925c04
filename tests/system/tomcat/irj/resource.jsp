<%-- /irj/resource/N.css, .js or .svg: each N has its own text and length. --%>
<%@ page session="false" trimDirectiveWhitespaces="true" %><%
String name = request.getPathInfo().substring(1);
int number = Integer.parseInt(name.substring(0, name.indexOf('.')));
String filler = ("resource " + number + " ").repeat(1 + number * 10);
if (name.endsWith(".css")) {
	response.setContentType("text/css");
	out.print("/* " + filler + "*/ body { background: #eef; }");
} else if (name.endsWith(".js")) {
	response.setContentType("text/javascript");
	out.print("/* " + filler + "*/ document.scriptRan = true;");
} else {
	response.setContentType("image/svg+xml");
	out.print("<svg xmlns='http://www.w3.org/2000/svg' width='8' " +
	    "height='8'><!-- " + filler + "--><rect width='8' height='8'/></svg>");
}
%>
