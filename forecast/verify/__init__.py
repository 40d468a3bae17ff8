"""The look-ahead audit, and parity of the compiled engine with the reference."""
