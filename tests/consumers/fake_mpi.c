/* As much of an MPI as CMake needs to find one, under the name of MPICH's library. */
int MPI_Init(int* count, char*** words) { return count == 0 && words == 0; }
int MPI_Finalize(void) { return 0; }
int MPI_Get_library_version(char* text, int* length) { return text == 0 && length == 0; }
