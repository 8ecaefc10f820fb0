"""What the tests share: environments, wheels, servers, terminals, and independent judges of what was done."""
