"""The studio: a page that plays a map in the browser, and the small server that it comes from."""
