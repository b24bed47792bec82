"""Market data: files read and checked at the door, the sample day, and the table both end in. Imports no Django."""
