"""Listening sockets whose connections have a thread each."""

import socket
import threading


def each_in_a_thread(listener, handle):
    """handle(connection, address), until stop_listening()."""
    def accept():
        while True:
            try:
                connection = listener.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=connection,
                             daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def stop_listening(listener):
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
