<%@ page contentType="text/plain; charset=utf-8" import="java.nio.ByteBuffer,jakarta.websocket.*,jakarta.websocket.server.*" %><%!
  /** Sends back what it gets; the first message says who the client is. */
  public static class Echo extends Endpoint {
    @Override
    public void onOpen(Session session, EndpointConfig config) {
      RemoteEndpoint.Basic out = session.getBasicRemote();
      session.setMaxTextMessageBufferSize(1 << 20);
      session.setMaxBinaryMessageBufferSize(1 << 20);
      session.addMessageHandler(String.class, text -> {
        try {
          out.sendText(text.equals("secure?") ? "" + session.isSecure()
                                              : text);
        } catch (java.io.IOException e) {
          throw new RuntimeException(e);
        }
      });
      session.addMessageHandler(ByteBuffer.class, bytes -> {
        try {
          out.sendBinary(bytes);
        } catch (java.io.IOException e) {
          throw new RuntimeException(e);
        }
      });
    }
  }

  private boolean isThere;
%><%
  synchronized (this) {
    if (!isThere) {
      ((ServerContainer) application.getAttribute(ServerContainer.class.getName()))
          .addEndpoint(ServerEndpointConfig.Builder.create(Echo.class, "/echo").build());
      isThere = true;
    }
  }
%>there
