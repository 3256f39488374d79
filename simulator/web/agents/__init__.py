"""What `rooftile mcp` offers to agents: tools that only read, over standard input and output."""
