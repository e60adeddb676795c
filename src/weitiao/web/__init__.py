"""Local web pages: the FastAPI application, its guards, static files and templates."""
