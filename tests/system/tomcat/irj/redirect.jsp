<%-- A redirect that the container itself makes absolute. --%>
<%@ page session="false" %><%
response.sendRedirect("facts.jsp");
%>
