"""The server process: who is let in, how requests are received, what workers share."""
