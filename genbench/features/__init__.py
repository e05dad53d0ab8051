"""Rows -> features: networks that are named, digested and shipped, and the plain pixels."""
