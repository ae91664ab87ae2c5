"""Tables of master data and orders, as spreadsheets hold them: which column says what, rows to documents and back."""
