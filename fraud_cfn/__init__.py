"""A production ECS Fargate platform for fraud detection, as one CloudFormation template."""
