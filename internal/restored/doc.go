// Package restored decides what a cell may keep whose database was restored from a backup, or failed over to a
// standby (protocol, rule 13). Such a database may be the past: it may claim partitions that have moved away since, or
// lack those that have come. The cell accepts no write and releases nothing until its rows have been compared with
// the map and with the rows of all other cells; [Decide] is that comparison, a pure function.
//
// For each partition, by what the restored row says (downwards) and what the others say (across):
//
//	                   another cell owns it,      nobody else does,     nobody else does, and map or rows
//	                   at a higher epoch          and the map agrees    say that this cell had it later
//	owned, fenced      moved to that cell, wiped  keep                  refuse: newer rows are lost
//	importing          absent, wiped              refuse                refuse
//	ready              absent, wiped              keep, where the       refuse
//	                                              source handed it over
//	absent, moved      keep (moved: wiped)        keep                  refuse
//
// It also refuses where another cell is ready to own a partition that the restored row owns: whether it will is in
// neither row. Nothing here ever makes a partition owned that was not; so there are never two owners.
//
// What stays can have lost its last commits: Postgres itself lost them with the restore, and nothing brings them back.
package restored
