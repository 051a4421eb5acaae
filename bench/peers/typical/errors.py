"""Refusals, and how they are answered."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse


class Refused(Exception):
    """The call is refused: with which status, which code, and why."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def install(app: FastAPI) -> None:
    """Answer every refusal in the envelope of the contract."""

    @app.exception_handler(Refused)
    async def refused(_request: Request, error: Refused) -> JSONResponse:
        return _envelope(error.status, error.code, error.message)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        return _envelope(400, "invalid_request", "; ".join(f"{each['loc']}: {each['msg']}" for each in error.errors()))


def _envelope(status: int, code: str, message: str) -> JSONResponse:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    body = {"status": "error", "message": message, "error": message, "code": code}
    return JSONResponse(body, status_code=status, headers=headers)
