/* wire.c - deduces: stack/wire.h, the promises are in contract.h: rd_of rd_left rd_take rd_rest rd_u8 rd_u16 rd_u32 wr_take wr_u8 wr_u16 wr_u32 */
#include "contract.h"
