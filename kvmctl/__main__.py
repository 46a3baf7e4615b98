"""`python -m kvmctl`: the same as the program `kvmctl`."""

from kvmctl.cli import main

if __name__ == "__main__":
    main()
