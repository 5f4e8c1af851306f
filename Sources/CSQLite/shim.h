#include <sqlite3.h>

/* sqlite3_config takes a variable number of arguments, which Swift cannot call. Without statistics of
   its memory SQLite allocates without a lock that all threads share. */
static inline int kfmd_sqlite_without_memory_statistics(void) {
    return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}
