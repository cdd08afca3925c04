<%@ page session="false" %><% response.sendRedirect("logon.jsp"); %>
