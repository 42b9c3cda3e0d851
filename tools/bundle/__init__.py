"""`make bundle`: one archive with all that a site without internet needs; deploy/bundle/install."""
