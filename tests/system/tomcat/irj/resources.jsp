<%-- A page of 200 resources. --%>
<%@ page contentType="text/html; charset=UTF-8" session="false" %>
<!DOCTYPE html>
<html>
<head><title>200 resources</title><link rel="icon" href="data:,"></head>
<body>
<% for (int i = 0; i < 200; i++) { %>
<img src="/irj/resource/<%= i %>.svg" width="8" height="8" alt="">
<% } %>
</body>
</html>
