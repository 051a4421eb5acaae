"""HTTP: one ASGI application over uvicorn."""
