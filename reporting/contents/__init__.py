"""A report before it has a form: tables and charts as data, put together in one document."""
