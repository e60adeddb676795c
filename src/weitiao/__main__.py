"""`python -m weitiao`, which also lets torchrun and `accelerate launch` start several processes."""

from weitiao.cli.program import main

if __name__ == "__main__":
    main()
