/* base/version.h - the release this tree makes; `fuseline --version` and the man page say the same. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define FUSELINE_VERSION "0.1.0"
_Static_assert(sizeof FUSELINE_VERSION >= sizeof "0.0.0", "three numbers");

#endif
