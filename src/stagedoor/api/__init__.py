"""Floor 5: dialects. One route table; HTTP to the words of the floors below and back. No rights, SQL or engine are decided here.

`http` a request and a response, `router` the table, `dispatch` the way through, `problems` the spelling of errors, `server` the socket.
"""
