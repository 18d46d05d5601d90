/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NFTA_DATA_*: register values and verdicts. */
#include "netns/decode/expression.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

static const struct attribute_field verdict_fields[] = {
    ATTRIBUTE(NFTA_VERDICT_CODE, ATTRIBUTE_U32, offsetof(struct nft_verdict, code)),
    ATTRIBUTE(NFTA_VERDICT_CHAIN, ATTRIBUTE_NAME, offsetof(struct nft_verdict, chain)),
    ATTRIBUTE_SKIP(NFTA_VERDICT_CHAIN_ID),
    ATTRIBUTE_END,
};

static bool verdict_known(const struct nft_verdict *verdict)
{
    switch (verdict->code) {
    case NF_DROP:
    case NF_ACCEPT:
    case NF_QUEUE:
    case NFT_CONTINUE:
    case NFT_BREAK:
    case NFT_RETURN:
        return !verdict->chain;
    case NFT_JUMP:
    case NFT_GOTO:
        return verdict->chain;
    default:
        return false;
    }
}

static bool read_value(struct decoder *decoder, struct bytes data, void *record, void *member)
{
    (void)record;
    if (!data.length || data.length > NFT_DATA_VALUE_MAXLEN)
        return false;
    *(struct bytes *)member = (struct bytes){arena_copy(decoder->arena, data.data, data.length), data.length};
    return true;
}

static bool read_verdict(struct decoder *decoder, struct bytes data, void *record, void *member)
{
    uint64_t seen;
    ((struct nft_data *)record)->is_verdict = true;
    bool understood = attributes_decode(decoder, data, verdict_fields, member, &seen);
    return understood && (seen & ATTRIBUTE_SEEN(NFTA_VERDICT_CODE)) && verdict_known(member);
}

static const struct attribute_field data_fields[] = {
    ATTRIBUTE_BY(NFTA_DATA_VALUE, offsetof(struct nft_data, value), read_value),
    ATTRIBUTE_BY(NFTA_DATA_VERDICT, offsetof(struct nft_data, verdict), read_verdict),
    ATTRIBUTE_END,
};

bool data_decode(struct decoder *decoder, struct bytes bytes, struct nft_data *ret_data)
{
    uint64_t seen;
    *ret_data = (struct nft_data){0};
    bool understood = attributes_decode(decoder, bytes, data_fields, ret_data, &seen);
    return understood &&
           (seen == ATTRIBUTE_SEEN(NFTA_DATA_VALUE) || seen == ATTRIBUTE_SEEN(NFTA_DATA_VERDICT));
}
