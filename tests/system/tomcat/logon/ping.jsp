<%@ page session="false" %>pong
