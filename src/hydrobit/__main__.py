"""`python -m hydrobit` and the command `hydrobit`."""

from hydrobit.cli import main

if __name__ == "__main__":
    main()
