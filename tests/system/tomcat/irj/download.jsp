<%-- ?mib=N: N MiB, the same each time: blocks of 64 KiB, each with its
     number in front.  ?chunked=1: without Content-Length. --%>
<%@ page contentType="application/octet-stream" session="false"
    trimDirectiveWhitespaces="true" %><%
int mib = Integer.parseInt(request.getParameter("mib"));
byte[] block = new byte[65536];
for (int i = 0; i < block.length; i++)
	block[i] = (byte)(i * 7 + (i >> 8));
if (request.getParameter("chunked") == null)
	response.setContentLengthLong(mib * 1048576L);
java.io.OutputStream body = response.getOutputStream();
for (int n = 0; n < mib * 16; n++) {
	java.nio.ByteBuffer.wrap(block).putInt(n);
	body.write(block);
}
body.flush();
out.clear();
out = pageContext.pushBody();
%>
