"""Label errors: which targets of rows are probably wrong, by predictions of models that have not
seen them."""
