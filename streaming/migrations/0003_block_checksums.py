"""Give each block the checksum and length of the session's frames so far: gzip streams end with them."""

import zlib
from typing import Any

from django.db import migrations, models

from streaming.protocol import segments


def fill_in(apps: Any, schema_editor: Any) -> None:  # noqa: ANN401 - Django's own signature
    """Compute them for blocks that were stored without."""
    blocks = apps.get_model("streaming", "EventBlock").objects
    session_pk, decoder, raw_through, crc32 = None, segments.SegmentDecoder(), 0, 0
    for block in blocks.order_by("session_id", "first_event_id").iterator(chunk_size=500):
        if block.session_id != session_pk:
            session_pk, decoder, raw_through, crc32 = block.session_id, segments.SegmentDecoder(), 0, 0
        raw = decoder.decode(
            [
                segments.Block(
                    block.first_event_id, block.last_event_id, block.starts_segment, block.raw_bytes, bytes(block.body)
                )
            ]
        )
        raw_through += len(raw)
        before, crc32 = crc32, zlib.crc32(raw, crc32)
        blocks.filter(pk=block.pk).update(raw_through=raw_through, crc32_before=before, crc32_through=crc32)


class Migration(migrations.Migration):
    dependencies = [("streaming", "0002_block_storage")]

    operations = [
        migrations.AddField("eventblock", "raw_through", models.BigIntegerField(default=0), preserve_default=False),
        migrations.AddField("eventblock", "crc32_before", models.BigIntegerField(default=0), preserve_default=False),
        migrations.AddField("eventblock", "crc32_through", models.BigIntegerField(default=0), preserve_default=False),
        migrations.RunPython(fill_in, migrations.RunPython.noop),
    ]
