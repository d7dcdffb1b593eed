# What make(1) itself brings, for the Makefile of a port: nothing here.
