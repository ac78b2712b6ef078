"""`python -m warehouse` is `rollhouse`."""

from warehouse.cli import main

if __name__ == "__main__":
    main()
