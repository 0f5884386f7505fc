"""How neighbouring layers run as one."""
