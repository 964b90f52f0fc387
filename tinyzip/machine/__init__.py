"""The machine room: memory, threads and processes. It changes the speed and not one bit; read it last."""
