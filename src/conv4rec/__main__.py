"""`python -m conv4rec`: the command line, where its script is not on the path."""

from conv4rec.cli.main import main

if __name__ == "__main__":
    main()
