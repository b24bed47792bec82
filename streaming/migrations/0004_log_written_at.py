"""Note when a log was last written, so that its age can be told by the database's own clock."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("streaming", "0003_block_checksums")]

    operations = [
        migrations.AddField("sessionlog", "written_at", models.DateTimeField(blank=True, editable=False, null=True)),
    ]
