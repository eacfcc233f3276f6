package main

// soReusePort is SO_REUSEPORT of socket(7), which package syscall leaves out here.
const soReusePort = 0xf
