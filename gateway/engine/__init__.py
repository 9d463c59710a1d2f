"""The engine `native`: HTTP/1.1 in callbacks, to upstreams and from apps. Knows no task, no route and no record.

The parser is llhttp, by httptools. Heads are held against the grammar before it sees them; pooling, back-pressure,
TLS, times and limits are here.
"""
