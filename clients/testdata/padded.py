"""Fills every question with spaces, as docs/shaping.md shows it."""

try:
    import httpx2
except ImportError:
    import httpx as httpx2


class Padded(httpx2.HTTPTransport):  # httpx in older versions
    def handle_request(self, request):
        body = request.read()
        size = next((b for b in (4096, 16384, 65536, 262144) if b >= len(body)), -(-len(body) // 2**20) * 2**20)
        headers = {**request.headers, "content-length": str(size)}
        return super().handle_request(httpx2.Request(request.method, request.url, headers=headers, content=body.ljust(size), extensions=request.extensions))
