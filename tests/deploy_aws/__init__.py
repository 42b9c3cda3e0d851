"""The CloudFormation templates of deploy/aws: their schemas, and what they promise.

Nothing here asks AWS. What only AWS could tell is named in docs/deploy-aws.md.
"""
