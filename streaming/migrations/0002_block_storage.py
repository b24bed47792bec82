"""Keep compressed blocks as they are: Postgres would spend time on compressing them again, and on a second table."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("streaming", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql=[
                "ALTER TABLE streaming_eventblock ALTER COLUMN body SET STORAGE EXTERNAL",
                "ALTER TABLE streaming_eventblock ALTER COLUMN series SET STORAGE EXTERNAL",
                # Blocks of up to a page stay in the row: one read instead of two.
                "ALTER TABLE streaming_eventblock SET (toast_tuple_target = 8160)",
                # Updated with every batch: room for the new row version on the same page.
                "ALTER TABLE streaming_sessionlog SET (fillfactor = 50)",
            ],
            reverse_sql=[
                "ALTER TABLE streaming_eventblock ALTER COLUMN body SET STORAGE EXTENDED",
                "ALTER TABLE streaming_eventblock ALTER COLUMN series SET STORAGE EXTENDED",
                "ALTER TABLE streaming_eventblock RESET (toast_tuple_target)",
                "ALTER TABLE streaming_sessionlog RESET (fillfactor)",
            ],
        )
    ]
